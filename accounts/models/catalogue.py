"""What members choose from. Operators edit the lists; ids are stable strings, names exist in both languages."""

from django.db import models


class CatalogueItem(models.Model):
    id = models.SlugField(primary_key=True, max_length=40)
    name_ko = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)
    position = models.PositiveIntegerField(default=0)
    # An item that is no longer offered stays, for the members who chose it.
    offered = models.BooleanField(default=True)

    class Meta:
        abstract = True
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name_ko


class Department(CatalogueItem):
    pass


class Keyword(CatalogueItem):
    emoji = models.CharField(max_length=16)
    # Questions to begin a talk with, one per line.
    starters_ko = models.TextField(blank=True)
    starters_en = models.TextField(blank=True)


class Mood(CatalogueItem):
    pass
