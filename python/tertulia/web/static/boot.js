// Sets the chosen theme and the language before the first paint, so that the page does not flash in another one; and
// begins to load the language's catalogue.
{
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
