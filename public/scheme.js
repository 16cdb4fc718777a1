// Sets the colour scheme before the first paint, so that a dark page never flashes white. The content-security policy
// allows no inline script, hence a file of its own.
(() => {
  let stored = null;
  try {
    stored = localStorage.getItem("mantine-color-scheme-value");
  } catch {
    // Storage is off: the system's wish decides.
  }
  const isDark = stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const root = document.documentElement;
  root.setAttribute("data-mantine-color-scheme", isDark ? "dark" : "light");
  root.style.colorScheme = isDark ? "dark" : "light";
  root.style.background = isDark ? "#0f1113" : "#f6f6f4";
})();
