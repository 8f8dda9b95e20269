"""What gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recadmin.settings")
application = get_wsgi_application()

# What the addresses need is loaded now, not by the first request. It stays as long as the process:
# a full garbage collection that went through it all would hold up a page for a tenth of a second.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
