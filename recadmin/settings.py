"""Settings. What differs between installations comes from the environment (docs/operating.md)."""

import os
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF

from recadmin import environment

BASE_DIR = Path(__file__).resolve().parent.parent
RECADMIN_DATA = Path(os.environ.get("RECADMIN_DATA", BASE_DIR / "var")).resolve()

SECRET_KEY = environment.secret_key(RECADMIN_DATA)
DEBUG = environment.flag("DEBUG")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if o]

EMBEDDED_VALKEY = "REDIS_URL" not in os.environ
REDIS_URL = os.environ.get("REDIS_URL", f"unix://{environment.embedded_socket(RECADMIN_DATA)}?db=0")

INSTALLED_APPS = [
    "recadmin.apps.RecadminConfig",
    "updates.apps.UpdatesConfig",
    "monitoring.apps.MonitoringConfig",
    "neighbours.apps.NeighboursConfig",
    "recadmin.apps.RecadminAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "simple_history",
    "django_htmx",
    "corsheaders",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "recadmin.urls"
WSGI_APPLICATION = "recadmin.wsgi.application"
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

DATABASES = {
    "default": dj_database_url.config(
        default=f"sqlite:///{RECADMIN_DATA / 'recadmin.sqlite3'}", conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Take the write lock at BEGIN: a transaction that reads, then writes, waits its turn
        # instead of failing half-way. FULL: an archived segment's row is on disk before the
        # stream is trimmed, also when the power goes.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "updates.api.auth.locked_out"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "recadmin.formats"

STATIC_URL = "/static/"
STATIC_ROOT = RECADMIN_DATA / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
# Apps whose pages talk to recadmin from their users' browsers: only where devices may, and never
# with a session's cookie.
CORS_ALLOWED_ORIGINS = [o for o in os.environ.get("CLIENT_ORIGINS", "").split(",") if o]
CORS_EXPOSE_HEADERS = ["Retry-After"]
CORS_URLS_REGEX = r"^/api/v1/recommenders/[^/]+/(users/|items/|recommendations)"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
HTTPS = environment.flag("HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# Samples arrive in batches; 32 MiB holds 100,000 rows of 20 fields.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "updates.api.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["updates.api.permissions.RolePermission"],
    "DEFAULT_THROTTLE_CLASSES": ["updates.api.throttle.Changes"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["updates.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "updates.api.schema.TrueSchema",
    "EXCEPTION_HANDLER": "updates.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Requests a minute by which one account may change something through the API.
CHANGES_A_MINUTE = int(os.environ.get("CHANGES_A_MINUTE", "600"))
REST_KNOX = {
    "TOKEN_TTL": timedelta(days=int(os.environ.get("TOKEN_TTL_DAYS", "90"))),
    "AUTH_HEADER_PREFIX": "Token",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "recadmin",
    "DESCRIPTION": "Keeps deployed recommender models fresh and shows how fresh they are.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["updates.api.schema.contract_paths"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "updates.api.schema.explain",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RunState": "updates.models.run.RunState",
        "VersionState": "updates.models.version.VersionState",
        "FreshnessState": "updates.api.serializers.recommenders.FRESHNESS_STATES",
        "FreshnessCause": "updates.api.serializers.recommenders.FRESHNESS_CAUSES",
        "AuditAction": "updates.models.audit_event.Action",
        "AlertKind": "monitoring.alerts.models.KIND_CHOICES",
        "AlertState": "monitoring.alerts.api.TOLD_STATES",
        "Severity": "monitoring.alerts.channels.Severity",
        "ProblemType": "updates.api.schema.PROBLEM_TYPES",
        "Strategy": "updates.models.policy.Strategy",
        "RunStrategy": "updates.models.run.STRATEGIES",
        "CanaryState": "updates.models.canary.CanaryState",
        "ChallengeVerdict": "monitoring.challengers.verdict.VERDICTS",
        "QuarantineState": "updates.models.quarantine.State",
        "ExecutedStrategy": "updates.models.policy.EXECUTED",
        "Trigger": "updates.models.policy.TRIGGER_LABELS",
        "DeploymentKind": "updates.models.deployment.DeploymentKind",
        "TargetState": "updates.models.serving_target.TargetState",
        "Acknowledged": "updates.flows.acknowledge.Acknowledged",
    },
}

CELERY_BROKER_URL = environment.broker_url(REDIS_URL)

# A range of a sample log is archived when this many samples wait, or the first this long.
SEGMENT_ROWS = int(os.environ.get("SEGMENT_ROWS", "50000"))
SEGMENT_SECONDS = int(os.environ.get("SEGMENT_SECONDS", "3600"))
# Impressions that a recommender's joiner may remember at once (docs/joiner.md: memory).
JOINER_MOST_IMPRESSIONS = int(os.environ.get("JOINER_MOST_IMPRESSIONS", "1000000"))

# Import paths of the estimators that learner sklearn may be, or beginnings of such that end with a
# dot (docs/sklearn.md); empty: the classifiers and transformers of scikit-learn that are tested.
RECADMIN_ESTIMATORS = [p for p in os.environ.get("RECADMIN_ESTIMATORS", "").split(",") if p]

# A scraper of /metrics without an account sends this as its bearer token; empty: there is none.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
# With less than this free for the data folder, /readyz and the page of the workers warn.
DISK_FLOOR_BYTES = int(os.environ.get("DISK_FLOOR_BYTES", str(2**30)))

# Where people find these pages: links in alerts begin with it.
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000").rstrip("/")
# Whether alerts may be sent to private addresses, such as a chat server in one's own network.
ALERT_PRIVATE_ADDRESSES = environment.flag("ALERT_PRIVATE_ADDRESSES")
# Networks that are not public and that deployment events may be sent to nevertheless, such as
# 10.1.0.0/16,fd00::/8: one's own model servers.
RECADMIN_OUTBOUND_ALLOW = environment.networks("RECADMIN_OUTBOUND_ALLOW")

# Trainers of external models (docs/external.md). Programs that workers may start for them, by
# absolute path; none unless they are named. Variables of the worker's environment that these see.
EXTERNAL_COMMANDS = [c for c in os.environ.get("EXTERNAL_COMMANDS", "").split(",") if c]
EXTERNAL_ENVIRONMENT = os.environ.get("EXTERNAL_ENVIRONMENT", "PATH,LANG,LC_ALL,TZ").split(",")
# A model that a trainer uploads has at most so many bytes.
EXTERNAL_ARTIFACT_BYTES = int(os.environ.get("EXTERNAL_ARTIFACT_BYTES", str(2 * 2**30)))

# Neighbours (docs/neighbours.md), each only where it is named. A Feast repo that is asked how old
# the values of features are, and every how many seconds.
FEAST_REPO = environment.folder("FEAST_REPO")
FEAST_SECONDS = float(os.environ.get("FEAST_SECONDS", "60"))
# The MLflow server that versions are mirrored to, and what the names of its experiments and models
# begin with.
MLFLOW_TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", "")
MLFLOW_NAME_PREFIX = os.environ.get("MLFLOW_NAME_PREFIX", "")
# Whether runs are told by OpenLineage, whose client reads where to by itself.
OPENLINEAGE = environment.openlineage()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "axes": {"level": "WARNING"},
        # They log the addresses of channels, which hold secrets.
        "apprise": {"level": "CRITICAL", "propagate": False},
        "urllib3": {"level": "WARNING"},
        # It logs addresses of transports, with users and passwords in them.
        "openlineage": {"level": "WARNING"},
    },
}
