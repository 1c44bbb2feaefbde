// Sets the chosen theme and the language before the first paint, so that the page does not flash in another one; and
// begins to load the language's catalogue. Where the browser keeps nothing of this site, it is kept until the page closes.
{
  for (const name of /** @type {const} */ (["localStorage", "sessionStorage"])) {
    try {
      if (globalThis[name]) continue;
    } catch {} // SecurityError
    const kept = new Map();
    const getItem = (/** @type {string} */ key) => kept.get(key) ?? null;
    const setItem = (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value);
    const removeItem = (/** @type {string} */ key) => void kept.delete(key);
    Object.defineProperty(globalThis, name, { value: { getItem, setItem, removeItem } });
  }

  const root = document.documentElement;
  const theme = localStorage.getItem("tertulia.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;

  const known = ["en", "de", "es", "fr", "pt", "ar", "he", "ja"];
  const wished = [localStorage.getItem("tertulia.language"), ...navigator.languages];
  const codes = wished.map((tag) => (tag ?? "").toLowerCase().split("-")[0]);
  root.lang = codes.find((code) => code && known.includes(code)) ?? "en";
  root.dir = ["ar", "he"].includes(root.lang) ? "rtl" : "ltr";
  const catalogue = document.createElement("link");
  catalogue.rel = "modulepreload";
  catalogue.href = `/static/words/${root.lang}.js`;
  document.head.append(catalogue);
}
