"""What every process has: logs, figures, health endpoints, and a way to be stopped.

Owns the standard fields of a log line, the process's HTTP endpoint for machines, its signals.
May touch standard error, one listening port, the signal handlers of its process.
Must never import anything of ours, read configuration, or know what the process is for.
"""
