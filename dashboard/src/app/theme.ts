/** Mantine on the page's tokens: its components take colours and measures from tokens.css in both schemes. */
import {
  ActionIcon,
  Button,
  Checkbox,
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  Modal,
  SegmentedControl,
  Select,
  TextInput,
  Tooltip,
} from '@mantine/core';
import segmented from './segmented.module.css';

/** Mantine takes grounds, borders and faint text from these scales. */
const DARK: MantineColorsTuple = [
  '#e7eaf0',
  '#c3c9d4',
  '#9aa3b2',
  '#838d9d',
  '#2a313d',
  '#1e232d',
  '#13161c',
  '#0c0e12',
  '#090b0e',
  '#06070a',
];
const GRAY: MantineColorsTuple = [
  '#fbfbfa',
  '#f3f3f0',
  '#e9e9e4',
  '#e5e5e0',
  '#d5d5ce',
  '#8b94a2',
  '#687080',
  '#59616f',
  '#3a3f48',
  '#171a20',
];

export const theme = createTheme({
  colors: { dark: DARK, gray: GRAY },
  // Text on a filled button has the colour that contrasts with the accent of the scheme.
  variantColorResolver: (input) => {
    const colours = defaultVariantColorsResolver(input);
    if (input.variant !== 'filled') return colours;
    return { ...colours, color: input.color === 'red' ? 'var(--on-state)' : 'var(--on-accent)' };
  },
  fontFamily: 'var(--sans)',
  fontFamilyMonospace: 'var(--mono)',
  fontSizes: { xs: '12px', sm: '13px', md: '13px', lg: '15px', xl: '18px' },
  spacing: { xs: '6px', sm: '10px', md: '14px', lg: '20px', xl: '28px' },
  radius: { xs: '4px', sm: '6px', md: '7px', lg: '10px', xl: '14px' },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: Button.extend({ defaultProps: { size: 'compact-sm', variant: 'default', fw: 500 } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray', size: 'md' } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'xs' } }),
    Select: Select.extend({ defaultProps: { size: 'xs', allowDeselect: false } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: 'xs', radius: 'xs' } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: 'xs' }, classNames: segmented }),
    Modal: Modal.extend({ defaultProps: { centered: true, size: 'lg', transitionProps: { duration: 100 } } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 250, transitionProps: { duration: 80 } } }),
  },
});

const both = {
  '--mantine-color-body': 'var(--panel)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-dimmed': 'var(--muted)',
  '--mantine-color-placeholder': 'var(--faint)',
  '--mantine-color-bright': 'var(--text)',
  '--mantine-color-anchor': 'var(--accent)',
  '--mantine-color-default': 'var(--raised)',
  '--mantine-color-default-hover': 'var(--hover)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-default-border': 'var(--line)',
  '--mantine-color-error': 'var(--bad)',
  '--mantine-color-gray-outline-hover': 'var(--hover)',
  '--mantine-color-gray-light-color': 'var(--muted)',
  '--mantine-color-gray-light-hover': 'var(--hover)',
  '--mantine-primary-color-filled': 'var(--accent)',
  '--mantine-primary-color-filled-hover': 'color-mix(in srgb, var(--accent) 88%, var(--text))',
  '--mantine-primary-color-contrast': 'var(--on-accent)',
  '--mantine-primary-color-light': 'var(--accent-soft)',
  '--mantine-primary-color-light-hover': 'var(--accent-soft)',
  '--mantine-primary-color-light-color': 'var(--accent)',
  '--mantine-color-blue-filled': 'var(--accent)',
  '--mantine-color-blue-filled-hover': 'color-mix(in srgb, var(--accent) 88%, var(--text))',
  '--mantine-color-red-filled': 'var(--bad-fill)',
  '--mantine-color-red-filled-hover': 'color-mix(in srgb, var(--bad-fill) 88%, var(--text))',
};

export const cssVariables: CSSVariablesResolver = () => ({ variables: {}, dark: both, light: both });
