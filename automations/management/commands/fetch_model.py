"""Fetch the embedded model's weights ahead of their first use."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from automations.engine.embedded.catalogue import BY_KEY
from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.weights import Weights, ensure, fetch


class Command(BaseCommand):
    """Progress goes to stderr, the label to stderr, the path of the file to stdout."""

    help = "Fetches and verifies the embedded model's weights and prints where they are."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--model",
            choices=list(BY_KEY),
            help="fetch exactly this model (default: the one that suits this machine)",
        )

    def handle(self, *, model: str | None, **options: object) -> None:
        try:
            weights = fetch(BY_KEY[model]) if model else ensure()
        except EmbeddedUnavailable as problem:
            raise CommandError(problem.message) from problem
        except KeyboardInterrupt as stop:
            raise CommandError("Stopped; the next run goes on from here.", returncode=130) from stop
        self._report(weights)

    def _report(self, weights: Weights) -> None:
        self.stderr.write(weights.label, self.style.SUCCESS)
        self.stdout.write(str(weights.path))
