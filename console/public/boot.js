// The theme and the language before the first paint; a file, since the page may have no inline script.
(() => {
  const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const theme = kept("ims.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  document.documentElement.lang = kept("ims.language") === "en" ? "en" : "ko";
})();
