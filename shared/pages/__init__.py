"""Pages for browsers: a folder of built files, served with what keeps them safe."""
