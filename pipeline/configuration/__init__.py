"""The configuration file, typed; each mistake in it becomes one clear line."""
