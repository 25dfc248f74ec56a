import i18n from "@intlify/eslint-plugin-vue-i18n";
import tseslint from "typescript-eslint";
import vue from "eslint-plugin-vue";
import a11y from "eslint-plugin-vuejs-accessibility";

export default tseslint.config(
  { ignores: ["src/api/schema.d.ts", "node_modules/**"] },
  ...tseslint.configs.recommended,
  ...vue.configs["flat/recommended"],
  ...a11y.configs["flat/recommended"],
  ...(i18n.configs["flat/base"] as never[]),
  {
    files: ["**/*.vue"],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  {
    files: ["src/**/*.{ts,vue}"],
    settings: { "vue-i18n": { localeDir: "./src/i18n/{ko,en}/*.json", messageSyntaxVersion: "^11.0.0" } },
    rules: {
      "@intlify/vue-i18n/no-raw-text": ["error", { ignorePattern: "^[^\\p{L}]*$|^g$|^/s ·$|^(IMS|Ctrl|Enter|S|ms|webhook-id|IMS-CONSOLE|IMS-ADMIN)[^\\p{L}]*.*$" }],
      "@typescript-eslint/no-explicit-any": "error",
      "vue/no-v-html": "error",
      // A draft is one reactive object that the parts of its form write to.
      "vue/no-mutating-props": ["error", { shallowOnly: true }],
      // Rows of a grid are reached by aria-activedescendant.
      "vuejs-accessibility/interactive-supports-focus": "off",
      "vue/multi-word-component-names": "off",
      "vue/max-attributes-per-line": "off",
      "vue/singleline-html-element-content-newline": "off",
      "vue/html-self-closing": ["error", { html: { void: "always" } }],
      "vue/first-attribute-linebreak": "off",
      "vue/html-closing-bracket-newline": "off",
      "vue/require-default-prop": "off",
      "vue/attributes-order": "off",
      "vuejs-accessibility/label-has-for": "off",
      "vuejs-accessibility/form-control-has-label": "off",
      "vuejs-accessibility/no-static-element-interactions": "off",
      "vuejs-accessibility/click-events-have-key-events": "off",
      "no-restricted-imports": ["error", { patterns: [{ group: ["*/schema.d"], message: "types come through client.ts" }] }],
    },
  },
  { files: ["tests/**/*.ts"], rules: { "no-empty-pattern": "off" } },
);
