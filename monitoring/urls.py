"""The first floor's URLs."""

from django.urls import path

from monitoring import health, views

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("reviews/", views.reviews, name="reviews"),
    path("runs/<int:pk>/review/", views.run_review, name="run_review"),
    path("reviews/<int:pk>/undo/", views.undo_review, name="review_undo"),
]
