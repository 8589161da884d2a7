import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server of `npm run dev` hands the calls on to a Cortex on this machine; the built page is served by Cortex.
const CORTEX = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // The page may load nothing inline but styles, so nothing is turned into a data URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licences of what is built in travel with it.
    license: { fileName: "licences.md" },
    // One file: it comes from the machine itself or its network, and is kept by the browser.
    chunkSizeWarningLimit: 750,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "^/(cortex\\.v1\\.|whoami|login)": { target: CORTEX, changeOrigin: true } },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
