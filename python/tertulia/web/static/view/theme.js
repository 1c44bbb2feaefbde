/** @typedef {"system" | "light" | "dark"} Theme */

const KEY = "tertulia.theme";

/** @returns {Theme} the chosen one */
export function theme() {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** @param {Theme} chosen to be used and stored */
export function setTheme(chosen) {
  if (chosen === "system") {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(KEY, chosen);
    document.documentElement.dataset.theme = chosen;
  }
}

/** Switches between light and dark. */
export function toggleTheme() {
  setTheme(isDark() ? "light" : "dark");
}

/** Whether the page is dark now. */
export function isDark() {
  const chosen = theme();
  return chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}
