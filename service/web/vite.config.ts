import { defineConfig } from 'vite';

// `npm run dev` shows the page from source against a running service.
const service = process.env['EMBERLINE_URL'] ?? 'http://127.0.0.1:8000';

export default defineConfig(({ command }) => ({
  // Relative, so that the built page works under /map/ of any root path.
  base: command === 'build' ? './' : '/map/',
  build: {
    outDir: '../static/map',
    emptyOutDir: true,
    target: 'es2022',
    // No data: URLs for scripts or fonts: a strict content security policy stays possible.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // MapLibre alone is larger than the default limit of the warning.
    chunkSizeWarningLimit: 1500,
  },
  worker: { format: 'es' },
  server: { proxy: { '/collections': service } },
}));
