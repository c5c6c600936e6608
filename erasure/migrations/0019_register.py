"""Restrictions that ended before there was the register are in it, but for those that were lifted since."""

from django.db import migrations, models


def fill(apps, schema_editor):
    Case, Identifier = apps.get_model('erasure', 'Case'), apps.get_model('erasure', 'Identifier')
    uses = apps.get_model('erasure', 'SubTaskIdentifier').objects
    done = uses.filter(outcome='restricted', sub_task__case__kind='restriction')
    cases = Case.objects.filter(pk__in=done.values('sub_task__case'), closed_at__isnull=False, restricted_at=None)
    for pk, closed_at in list(cases.values_list('pk', 'closed_at')):
        names = Identifier.objects.filter(case=pk, state='accepted').exclude(fingerprint='')
        lifted = uses.filter(
            outcome='unrestricted',
            identifier__fingerprint__in=list(names.values_list('fingerprint', flat=True)),
            sub_task__case__kind='lift_restriction',
            sub_task__case__closed_at__isnull=False,
            sub_task__ended_at__gt=closed_at,
        )
        since = {}
        for vendor, at in lifted.order_by('sub_task__case__closed_at').values_list(
            'sub_task__vendor', 'sub_task__case__closed_at'
        ):
            since.setdefault(vendor, at)
        held = set(done.filter(sub_task__case=pk).values_list('sub_task__vendor', flat=True))
        lifted_at = max(since[vendor] for vendor in held) if held <= set(since) else None
        Case.objects.filter(pk=pk).update(restricted_at=closed_at, lifted_at=lifted_at)


class Migration(migrations.Migration):

    dependencies = [
        ('erasure', '0018_again'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='case',
            name='case_restricted',
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('lifted_at__isnull', True), ('restricted_at__isnull', False)), fields=['due_on', 'id'], name='case_restricted'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
