
import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('event_id', models.UUIDField(default=uuid.uuid4, unique=True, verbose_name='event')),
                ('at', models.DateTimeField(verbose_name='time')),
                ('actor', models.CharField(max_length=80, verbose_name='by')),
                ('action', models.CharField(max_length=80, verbose_name='action')),
                ('case', models.CharField(blank=True, default='', max_length=40, verbose_name='case')),
                ('subject', models.CharField(blank=True, default='', max_length=120, verbose_name='about')),
                ('canonical', models.TextField(verbose_name='canonical text')),
                ('leaf_hash', models.CharField(max_length=64, verbose_name='leaf hash')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'default_permissions': ('view',),
                'permissions': [('export_event', 'Can export the audit trail')],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='PendingEvent',
            fields=[
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='pending', serialize=False, to='audit.event')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['case', 'id'], name='audit_event_case'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['at'], name='audit_event_at'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['action', 'id'], name='audit_event_action'),
        ),
    ]
