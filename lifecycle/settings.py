"""Settings: every one from the environment (or a `.env` file), described in `.env.example`."""

import sys
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.FileAwareEnv(
    DEBUG=(bool, False),
    ALLOWED_HOSTS=(list, ["127.0.0.1", "localhost", "[::1]"]),
    CSRF_TRUSTED_ORIGINS=(list, []),
    REDIS_URL=(str, ""),
    LOG_LEVEL=(str, "INFO"),
    SITE_URL=(str, "http://127.0.0.1:8000"),
    FIELD_ENCRYPTION_KEY=(list, []),
    FILE_ROOTS=(list, []),
    OUTBOUND_ALLOW_DESTINATIONS=(list, []),
    OUTBOUND_ALLOW_PROVIDERS=(list, []),
    OUTBOUND_ALLOW_SOURCES=(list, []),
    WORKER_PUMPS=(int, 1),
    PUMP_CONCURRENCY=(int, 64),
    RUN_LEASE_S=(float, 30.0),
    API_REQUESTS_PER_MINUTE=(int, 600),
    PROXY_HOPS=(int, 0),
    MAX_BATCH_BYTES=(int, 200 * 1024 * 1024),
    BATCH_DIR=(str, ""),
)
environ.FileAwareEnv.read_env(str(BASE_DIR / ".env"), overwrite=False)


def _secret_key() -> str:
    key = str(env("SECRET_KEY", default=""))
    if not key and not env("DEBUG"):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Run `make env` to write a .env file with fresh keys, "
            "or set SECRET_KEY (or SECRET_KEY_FILE) in the environment."
        )
    return key or "only-for-development-" + "x" * 40


# --- process -------------------------------------------------------------------------------
DEBUG = env("DEBUG")
SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env("CSRF_TRUSTED_ORIGINS")
SITE_URL = env("SITE_URL").rstrip("/")
ROOT_URLCONF = "lifecycle.urls"
WSGI_APPLICATION = "lifecycle.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "lifecycle",
    "monitoring",
    "automations",
    "lifecycle.admin_config.LifecycleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "django_q",
]

MIDDLEWARE = [
    "automations.middleware.json_only",
    "automations.middleware.note_origin",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- database ------------------------------------------------------------------------------
SQLITE_OPTIONS = {
    # WAL alone makes "database is locked" more frequent; IMMEDIATE is the cure (measured).
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
    "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-20000;",
}
POSTGRESQL_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20000,
    "options": "-c statement_timeout=30000 -c lock_timeout=10000"
    " -c idle_in_transaction_session_timeout=30000",
}


def _database() -> dict[str, object]:
    default = f"sqlite:///{VAR_DIR / 'lifecycle.sqlite3'}"
    url = str(env("DATABASE_URL", default="")) or default
    config: dict[str, object] = dict(env.db_url_config(url))
    if config["ENGINE"] == "django.db.backends.sqlite3":
        Path(str(config["NAME"])).parent.mkdir(parents=True, exist_ok=True)
        config["OPTIONS"] = SQLITE_OPTIONS
    else:
        config["OPTIONS"] = POSTGRESQL_OPTIONS
        config["CONN_HEALTH_CHECKS"] = True
    config["CONN_MAX_AGE"] = 600
    return config


DATABASES = {"default": _database()}

# --- queue: django-q2 carries doorbells only, see DECISIONS.md ------------------------------
REDIS_URL = env("REDIS_URL")
WORKER_PUMPS = env("WORKER_PUMPS")
PUMP_CONCURRENCY = env("PUMP_CONCURRENCY")
Q_CLUSTER: dict[str, object] = {
    "name": "lifecycle",
    "workers": WORKER_PUMPS + 2,
    "timeout": 3600,
    "retry": 40_000,
    "max_attempts": 1,
    "ack_failures": True,
    "bulk": 1,
    "queue_limit": 4,
    "poll": 0.1,
    "guard_cycle": 1,
    "save_limit": -1,
    "catch_up": False,
    "recycle": 200,
    "compress": False,
    "cache": "queue",
    "label": "Worker",
}
if REDIS_URL:
    Q_CLUSTER["redis"] = REDIS_URL
else:
    Q_CLUSTER["orm"] = "default"
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "queue": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "queue",
    },
}

# --- running automations -------------------------------------------------------------------
FILE_ROOTS = [Path(root) for root in env("FILE_ROOTS")] or [VAR_DIR / "files"]
RUN_LEASE_S = env("RUN_LEASE_S")
EMBEDDED_DIR = VAR_DIR / "embedded"
LOCKS_DIR = VAR_DIR / "locks"
MAX_INPUT_BYTES = 5 * 1024 * 1024
MAX_UPLOAD_BYTES = 20 * 1024 * 1024  # of a PDF or DOCX; the text in it keeps to the line above
BATCH_DIR = Path(env("BATCH_DIR") or VAR_DIR / "batches")
MAX_BATCH_BYTES = env("MAX_BATCH_BYTES")
OUTBOUND_ALLOW = {
    "destination": env("OUTBOUND_ALLOW_DESTINATIONS"),
    "provider": env("OUTBOUND_ALLOW_PROVIDERS"),
    "source": env("OUTBOUND_ALLOW_SOURCES"),
}
FIELD_ENCRYPTION_KEYS = env("FIELD_ENCRYPTION_KEY")

# --- the API -------------------------------------------------------------------------------
API_REQUESTS_PER_MINUTE = env("API_REQUESTS_PER_MINUTE")
PROXY_HOPS = env("PROXY_HOPS")

# --- people --------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "portfolio"

# --- language, time, files -----------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_HANDLERS = [
    "automations.uploads.CappedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# --- headers -------------------------------------------------------------------------------
HTTPS = SITE_URL.startswith("https://")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 60 * 60 * 12
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    },
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "microphone", "geolocation", "payment", "usb")
}

# --- logs: JSON lines, UTC; stdout when serving, stderr when a command prints a result -----
SERVING = "gunicorn" in sys.argv[0] or bool({"up", "worker"} & set(sys.argv[1:2]))
LOG_LEVEL = env("LOG_LEVEL").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "automations.logs.json_formatter"}},
    "filters": {"refusals": {"()": "automations.logs.Refusals"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout" if SERVING else "ext://sys.stderr",
            "formatter": "json",
        },
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL},
        "django.request": {"filters": ["refusals"]},
        "django-q": {"handlers": [], "level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}
