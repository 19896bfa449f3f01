"""The five roles as groups; their rights are granted after each migrate (automations.roles)."""

from typing import Any

from django.db import migrations

ROLES = ("Viewers", "Operators", "Editors", "Approvers", "Admins")


def forward(apps: Any, schema_editor: Any) -> None:
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("automations", "0002_postgresql"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    # Backwards the groups stay: people are in them.
    operations = [migrations.RunPython(forward, migrations.RunPython.noop)]
