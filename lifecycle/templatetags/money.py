"""Filters for amounts that may be negative, shares and hours."""

from django import template

from lifecycle import amounts

register = template.Library()

for say in (
    amounts.usd,
    amounts.usd_change,
    amounts.hours,
    amounts.percent,
    amounts.minutes,
    amounts.rate,
):
    register.filter(say.__name__, say)
