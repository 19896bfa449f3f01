"""Django's templates that ours replace: a change upstream shows what to compare and mend."""

import hashlib
from pathlib import Path

import django
import pytest

pytestmark = pytest.mark.once

OURS = Path(__file__).resolve().parent.parent / "templates"
UPSTREAM = Path(django.__file__).parent / "contrib" / "admin" / "templates"
COMPARED = {
    "admin/actions.html": "0556a5ebfabb06e4f2fd5e3adf9a6b6f75a6dd7321ad3be170a00be6eecaf467",
    "admin/app_index.html": "ecd3dbd1b74b28e7636bb1682044724594582be95d5f73dcc4ca32760b967f37",
    "admin/app_list.html": "1fe91b190f34630d1332a2b6e40838c11561657c7afb269e7390c73b2532f1d4",
    "admin/base.html": "49c62197ece3d8a36d5386f53c09aed2fdf018994f22dbbf15509a7272d0d01b",
    "admin/base_site.html": "182897817c02fd96758284ca9eb6dd35f58e3688c6c536ad883e610ac03c1d38",
    "admin/change_form.html": "e85dacd09dd7731a56df95daad9056d5932882a3b49af3cf7dbc9a3df3b3488e",
    "admin/change_form_object_tools.html": "0b49740491761ee4a322fb58f98afe07267d75e3c546b4dcf8c47e395243f802",
    "admin/change_list.html": "20b8d0e45467ccd3ce7ca41c7030fc4f9e7cdc0e51fb934866e7f74040795852",
    "admin/change_list_object_tools.html": "f805f46d84f10ec74bb44a4010add116963cf6d76f54284c0163d804ba8f9f8f",
    "admin/change_list_results.html": "c8ea5bd68f8be58b3d1a2440fe7097a05848cd11035572c1b98cd9935c6bc75c",
    "admin/color_theme_toggle.html": "6b6ba1eff736ba66cb2c6443fdc55d5667e9dbdd53c106240fff3bb180a8b485",
    "admin/delete_confirmation.html": "dde33140f4884ddecc69edb64c02d7b42bc947860cc1fccd1bf880b6ec85d0f2",
    "admin/delete_selected_confirmation.html": "e72c9a36a7e22b57af849ee9c7b82632a8c5c18aeb31a28d0ef409dfe2eee26a",
    "admin/edit_inline/tabular.html": "ef1b0d9b50be1e24e18f44c96571af7070202de3816eeb9746318c8aa5d6f1f7",
    "admin/filter.html": "72f8dacc61259f704bff48b2cfc29cb1e9dde56853f72fa05ca44dda41ea7a35",
    "admin/includes/fieldset.html": "2d7ffc5f076e04ca370e640db8668ad2da0b328567b0c74c89a64e7c6fb353a9",
    "admin/includes/object_delete_summary.html": "382ed584a4227339a2d351adff78f27a67a57ab48dac6c8389682150aeb12842",
    "admin/index.html": "4d0c59740cb667279704b03f299317baceded9319ecc50144ec60724130b3e5f",
    "admin/login.html": "15903e7771c42125e4192c899719dc6d5bb725f7fbfb3c3027c2a4c253760073",
    "admin/nav_sidebar.html": "39f23c5c99f7fd0fd67f6ca6735207eb579319934c1709241b05d74c3a9eb8ff",
    "admin/object_history.html": "e5eea48bb0bde18281a05c82bc339faade18cc2ca136634ccbc34ce1a2aa8877",
    "admin/pagination.html": "381bc2d87585687df022e93a833292c82962e75353696f2f9c917204ea4da3ff",
    "admin/search_form.html": "18898ee2576bda254c0ca3dada9ad0ceb272ad91104b5672ea0b8d7c5e956d0f",
    "admin/submit_line.html": "c88ed75990a3bd8e49b4302f6f3c7c8695d98b8bd1616c749adcbb66de6e5a36",
    "registration/logged_out.html": "3eebe2ab3261ec2e9264997dc8a6570dcc71a973424c355f46e129aafc0988f1",
}


def digest(name: str) -> str:
    """Return the sha256 of one of Django's templates."""
    return hashlib.sha256((UPSTREAM / name).read_bytes()).hexdigest()


def test_every_replaced_template_is_known() -> None:
    ours = {str(path.relative_to(OURS)) for path in OURS.rglob("*.html")}
    replaced = {name for name in ours if (UPSTREAM / name).exists()}
    assert replaced == set(COMPARED)


@pytest.mark.parametrize("name", COMPARED)
def test_the_template_we_replace_is_the_one_we_compared(name: str) -> None:
    changed = f"Django changed {name}: compare it with templates/{name}, then note its new digest."
    assert digest(name) == COMPARED[name], changed
