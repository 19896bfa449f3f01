"""The named cast: one person per role, and one who has none."""

import pytest
from django.contrib.auth.models import Group, User

ROLES = {
    "viewer": "Viewers",
    "operator": "Operators",
    "editor": "Editors",
    "approver": "Approvers",
    "admin": "Admins",
}


def make_person(name: str) -> User:
    """Make a staff user in the role's group; a `stranger` is in none."""
    user = User.objects.create_user(name, password="correct-horse", is_staff=True)
    if name in ROLES:
        user.groups.add(Group.objects.get(name=ROLES[name]))
    return user


@pytest.fixture
def viewer(db: None) -> User:
    return make_person("viewer")


@pytest.fixture
def operator(db: None) -> User:
    return make_person("operator")


@pytest.fixture
def editor(db: None) -> User:
    return make_person("editor")


@pytest.fixture
def approver(db: None) -> User:
    return make_person("approver")


@pytest.fixture
def admin(db: None) -> User:
    return make_person("admin")


@pytest.fixture
def stranger(db: None) -> User:
    return make_person("stranger")


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("root", password="correct-horse")
