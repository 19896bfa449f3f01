"""PostgreSQL only: the published default of started_at, and an audit trail nobody can rewrite."""

from typing import Any

from django.db import migrations

FORWARD = """
ALTER TABLE automation_runs ALTER COLUMN started_at SET DEFAULT now();
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A deleted user only leaves the link; the name stays.
    IF TG_OP = 'UPDATE' AND NEW.by_id IS NULL
       AND to_jsonb(NEW) - 'by_id' = to_jsonb(OLD) - 'by_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The audit trail is never rewritten.';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON automations_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
"""
BACKWARD = """
DROP TRIGGER audit_is_append_only ON automations_auditevent;
DROP FUNCTION audit_is_append_only();
ALTER TABLE automation_runs ALTER COLUMN started_at DROP DEFAULT;
"""


def forward(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FORWARD)


def backward(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BACKWARD)


class Migration(migrations.Migration):
    dependencies = [("automations", "0001_ground_floor")]
    operations = [migrations.RunPython(forward, backward)]
