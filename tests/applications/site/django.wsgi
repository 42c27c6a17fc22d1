import fcntl
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402

with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "run", "lock"), "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    call_command("migrate", verbosity=0)
    if not User.objects.exists():
        User.objects.create_superuser("admin", password="secret words")
