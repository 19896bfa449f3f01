"""Settings for the suite: fixed keys, a scratch directory, the same code as production."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if inherited := os.environ.get("TESTS_SCRATCH"):  # a process that a test started
    SCRATCH = Path(inherited)
else:
    SCRATCH = Path(tempfile.mkdtemp(prefix="lifecycle-tests-"))
    os.environ["TESTS_SCRATCH"] = str(SCRATCH)
    atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("FIELD_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ["DEBUG"] = "false"
os.environ["FILE_ROOTS"] = str(SCRATCH / "files")
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "REDIS_URL"):
    os.environ[name] = ""  # empty, not absent: a .env file must not fill it in

from lifecycle.settings import *  # noqa: E402, F403
from lifecycle.settings import SQLITE_OPTIONS, STORAGES  # noqa: E402

(SCRATCH / "files").mkdir(exist_ok=True)
LOCKS_DIR = SCRATCH / "locks"
EMBEDDED_DIR = SCRATCH / "embedded"
BATCH_DIR = SCRATCH / "batches"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# A test database need not survive a power cut, and each transactional test empties it.
SQLITE_OPTIONS["init_command"] = str(SQLITE_OPTIONS["init_command"]).replace(
    "synchronous=FULL", "synchronous=OFF"
)
