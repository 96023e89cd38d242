from typing import Any

from django.core.management.base import BaseCommand

from accounts.demo import PEOPLE
from accounts.services import catalogue, demo_members


class Command(BaseCommand):
    help = "For laptops and tests: the catalogue and a dozen demo members, complete and active. Safe to run again."

    def handle(self, **options: Any) -> None:
        written = catalogue.load()
        joined = sum(demo_members.join(person) for person in PEOPLE)
        self.stdout.write(f"Catalogue: {written} items written. Demo members: {joined} new of {len(PEOPLE)}.")
