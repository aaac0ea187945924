#!/usr/bin/env bash
# Trains and tests a classifier on Fashion-MNIST; where that cannot be fetched, on the embedded digits.
set -euo pipefail

recipe=fashion-mnist
imagette data get "$recipe" || {
    code=$?
    [ "$code" -eq 3 ] || exit "$code"
    recipe=digits
    echo "Fashion-MNIST cannot be fetched here: the demo takes the embedded digits instead."
}
imagette train "$recipe"
