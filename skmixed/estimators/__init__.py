"""The scikit-learn face: estimators driven by one formula."""
