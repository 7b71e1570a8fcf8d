"""Where stored MLflow models of release 0.1 look for their recipe; goes with the next release."""
