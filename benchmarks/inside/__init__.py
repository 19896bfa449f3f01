"""What runs in processes of its own, with Django, on a scratch database."""
