"""The listeners for the operator: status now; console and admin API later."""
