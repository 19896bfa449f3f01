"""The same 2,000 runs through what people would pick instead: a Celery worker, a Prefect flow."""
