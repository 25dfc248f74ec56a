"""Ticks for functions with a Cron trigger, by the rules of Knative's PingSource, where there is no Knative."""
