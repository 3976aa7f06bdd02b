"""What ./dev does once its environment exists: a whole onewriter on one machine."""
