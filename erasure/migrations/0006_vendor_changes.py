import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def take_over(apps, schema_editor):
    """The last change of each account, which is all that was kept."""
    change = apps.get_model("erasure", "VendorChange").objects
    for vendor in apps.get_model("erasure", "Vendor").objects.filter(changed_at__isnull=False, changed_by__isnull=False):
        change.create(vendor=vendor, person_id=vendor.changed_by_id, at=vendor.changed_at)


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("erasure", "0005_vendor_numbers"),
    ]

    operations = [
        migrations.CreateModel(
            name="VendorChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("vendor", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="erasure.vendor")),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["vendor", "at"], name="vendor_change_at")],
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
        migrations.RemoveField(model_name="vendor", name="changed_at"),
        migrations.RemoveField(model_name="vendor", name="changed_by"),
    ]
