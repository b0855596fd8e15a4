# Adds segmake itself, from the checkout that the workflow runs from, to the environment with its dependencies.
python -m pip install --no-deps "$SEGMAKE_CHECKOUT"
