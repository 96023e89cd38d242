"""What members choose from. Operators edit the lists; ids are stable strings, names exist in both languages."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CatalogueItem(models.Model):
    id = models.SlugField(primary_key=True, max_length=40)
    name_ko = models.CharField(_("Korean name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60)
    position = models.PositiveIntegerField(_("position"), default=0)
    # An item that is no longer offered stays, for the members who chose it.
    offered = models.BooleanField(_("offered"), default=True)

    class Meta:
        abstract = True
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name_ko


class Department(CatalogueItem):
    class Meta(CatalogueItem.Meta):
        verbose_name, verbose_name_plural = _("department"), _("departments")


class Keyword(CatalogueItem):
    emoji = models.CharField(_("emoji"), max_length=16)
    # Questions to begin a talk with, one per line.
    starters_ko = models.TextField(_("openers in Korean, one a line"), blank=True)
    starters_en = models.TextField(_("openers in English, one a line"), blank=True)

    class Meta(CatalogueItem.Meta):
        verbose_name, verbose_name_plural = _("keyword"), _("keywords")


class Mood(CatalogueItem):
    class Meta(CatalogueItem.Meta):
        verbose_name, verbose_name_plural = _("mood"), _("moods")
