from hypothesis import settings

# The first example of a test may compile a kernel, which takes seconds.
settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")
