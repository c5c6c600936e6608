from django.db import migrations

from compliance.audit import triggers

_TABLES = ("audit_event",)


class Migration(migrations.Migration):
    """The database itself refuses to change or remove an event."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: triggers.install(schema_editor.connection, _TABLES),
            lambda apps, schema_editor: triggers.remove(schema_editor.connection, _TABLES),
        )
    ]
