/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "tertulia.theme";

/** @returns {Theme} */
export function theme() {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  if (chosen === "system") {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, chosen);
    document.documentElement.dataset.theme = chosen;
  }
}

/** Changes between light and dark. */
export function toggleTheme() {
  setTheme(isDark() ? "light" : "dark");
}

export function isDark() {
  const chosen = theme();
  return chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}
