-- Whose 080 number somebody has called: asked for each webhook of a vendor that tells of opt-outs.
ALTER TABLE identities ADD KEY called (value);
