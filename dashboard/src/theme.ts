import { createTheme } from "@mantine/core";

/** A calm dark theme: slate instead of grey, one accent, small type. Fonts are the machine's own. */
export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: 6,
  autoContrast: true,
  defaultRadius: "sm",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace",
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  colors: {
    dark: [
      "#d5dce6",
      "#a9b4c4",
      "#8793a6",
      "#5d6a7e",
      "#374355",
      "#273142",
      "#1a2230",
      "#131a25",
      "#0e141d",
      "#090d14",
    ],
  },
});
