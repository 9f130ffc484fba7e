/** The icons of the page, by what they are for. */
import {
  IconAlertTriangle,
  IconArrowLeft,
  IconArrowsSort,
  IconBookmark,
  IconCheck,
  IconChevronDown,
  IconChevronRight,
  IconColumns3,
  IconCommand,
  IconContrast,
  IconCopy,
  IconDots,
  IconDownload,
  IconFilter,
  IconKeyboard,
  IconMenu2,
  IconMoon,
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconPlus,
  IconRefresh,
  IconSearch,
  IconSun,
  IconUpload,
  IconX,
} from '@tabler/icons-react';

const ICONS = {
  alert: IconAlertTriangle,
  back: IconArrowLeft,
  bookmark: IconBookmark,
  check: IconCheck,
  close: IconX,
  columns: IconColumns3,
  command: IconCommand,
  contrast: IconContrast,
  copy: IconCopy,
  down: IconChevronDown,
  download: IconDownload,
  filter: IconFilter,
  keyboard: IconKeyboard,
  menu: IconMenu2,
  moon: IconMoon,
  more: IconDots,
  pause: IconPlayerPauseFilled,
  play: IconPlayerPlayFilled,
  plus: IconPlus,
  refresh: IconRefresh,
  right: IconChevronRight,
  search: IconSearch,
  sort: IconArrowsSort,
  sun: IconSun,
  upload: IconUpload,
};

export type IconName = keyof typeof ICONS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  const Drawing = ICONS[name];
  return <Drawing size={size} stroke={1.7} aria-hidden="true" />;
}
