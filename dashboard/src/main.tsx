import { MantineProvider } from "@mantine/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import "./styles";
import { theme } from "./theme";
import { App } from "./view/App";

const root = document.getElementById("root");
if (!root) {
  throw new Error("index.html has no element #root");
}
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} forceColorScheme="dark">
      <App />
    </MantineProvider>
  </StrictMode>,
);
