"""The ground floor's URLs; what acts has an address of its own and takes only POST."""

from django.urls import path

from automations.views import automations, batches, connections, providers, runs, starting

A = "automations/<slug:slug>/"
C = f"{A}connections/"

urlpatterns = [
    path(A, automations.shown, name="automation"),
    path(f"{A}run/", starting.run_now, name="automation_run"),
    path(f"{A}pause/", automations.pause, name="automation_pause"),
    path(f"{A}resume/", automations.resume, name="automation_resume"),
    path(f"{A}draft/", automations.draft, name="automation_draft"),
    path(f"{A}stage/", automations.move, name="automation_stage"),
    path(C, connections.listed, name="automation_connections"),
    path(f"{C}source/", connections.source, name="source"),
    path(f"{C}destinations/new/", connections.new_destination, name="destination_new"),
    path(f"{C}destinations/<int:pk>/", connections.destination, name="destination"),
    path(
        f"{C}destinations/<int:pk>/remove/",
        connections.remove_destination,
        name="destination_remove",
    ),
    path(f"{C}schedules/new/", connections.new_schedule, name="schedule_new"),
    path(f"{C}schedules/<int:pk>/", connections.schedule, name="schedule"),
    path(f"{C}schedules/<int:pk>/remove/", connections.remove_schedule, name="schedule_remove"),
    path("versions/<int:pk>/draft/", automations.draft_from, name="version_draft"),
    path("versions/<int:pk>/publish/", automations.publish, name="version_publish"),
    path("versions/<int:pk>/live/", automations.make_live, name="version_live"),
    path("versions/<int:pk>/release/", automations.release, name="version_release"),
    path("runs/", runs.listed, name="runs"),
    path("runs/<int:pk>/", runs.shown, name="run"),
    path("runs/<int:pk>/progress/", runs.progress, name="run_progress"),
    path("runs/<int:pk>/cancel/", runs.cancel, name="run_cancel"),
    path("runs/<int:pk>/again/", runs.again, name="run_again"),
    path("runs/<int:pk>/approve/", runs.approve, name="run_approve"),
    path("deliveries/<int:pk>/again/", runs.send_again, name="delivery_again"),
    path("deliveries/<int:pk>/delivered/", runs.mark_delivered, name="delivery_delivered"),
    path("batches/<int:pk>/", batches.shown, name="batch"),
    path("batches/<int:pk>/progress/", batches.progress, name="batch_progress"),
    path("batches/<int:pk>/cancel/", batches.cancel, name="batch_cancel"),
    path("providers/<int:pk>/test/", providers.test, name="provider_test"),
    path("providers/<int:pk>/state/", providers.state, name="provider_state"),
]
