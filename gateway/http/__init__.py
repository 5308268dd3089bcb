"""The gateway over HTTP: REST under `/v1`, health, and whatever else comes in by web."""
