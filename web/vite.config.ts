import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The page: built into web/dist, which the controller serves. Nothing is inlined, so that the content policy needs no exception. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8480' } },
})
