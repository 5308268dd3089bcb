#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE of TEMPORAL_ADDRESS if there is none. Safe to run again.
set -eu

tries=0
until temporal operator cluster health >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -ge 60 ]; then
    echo "Temporal is not healthy at $TEMPORAL_ADDRESS after two minutes" >&2
    exit 1
  fi
  sleep 2
done

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  echo "namespace $TEMPORAL_NAMESPACE is there"
else
  # A fresh cluster may need a few seconds before it takes a namespace; the restart policy tries again.
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
fi
