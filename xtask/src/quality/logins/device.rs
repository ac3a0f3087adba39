//! Devices and browsers: what a login shows of the machine in somebody's hands.
//!
//! - A browser keeps a *token* (a cookie) until it is cleared; a private window has a token of its own.
//! - Three in five office computers and one in three phones are *registered*: they hold a key that the
//!   identity provider enrolled, so that the provider names the device whatever the browser keeps.
//! - Browsers move to a new major version every 28 days, each a few days late.
//!
//! Shares of systems and browsers are rounded from public desktop and mobile market figures.

use super::random::Random;
use std::fmt::Write as _;

/// Operating systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Windows 10 and 11.
    Windows,
    /// macOS.
    Mac,
    /// Linux.
    Linux,
    /// iOS.
    Iphone,
    /// Android.
    Android,
    /// None: a program.
    Program,
}

/// Browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// Chrome.
    Chrome,
    /// Edge.
    Edge,
    /// Firefox.
    Firefox,
    /// Safari.
    Safari,
    /// An HTTP client of a program.
    Client,
}

/// A machine with the browser that is used on it.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Operating system.
    pub system: System,
    /// Browser.
    pub browser: Browser,
    /// The model's name.
    pub model: &'static str,
    /// What the identity provider enrolled it as, when it did.
    pub registered: Option<u64>,
    /// Whether the organisation manages it.
    pub managed: bool,
    /// The browser's cookie.
    pub token: u64,
    /// Days by which its updates are late.
    pub late_days: i64,
}

const WINDOWS: [&str; 4] = ["Latitude 5450", "ThinkPad T14", "EliteBook 840", "Surface Laptop 6"];
const MACS: [&str; 3] = ["Mac15,6", "Mac14,2", "MacBookPro18,3"];
const LINUX: [&str; 2] = ["ThinkPad X1", "XPS 13"];
const IPHONES: [&str; 4] = ["iPhone14,5", "iPhone15,4", "iPhone16,1", "iPhone17,3"];
const ANDROIDS: [&str; 4] = ["Pixel 8", "SM-S921B", "SM-A546B", "Pixel 9"];

impl Device {
    /// An office computer.
    pub fn computer(random: &mut Random) -> Self {
        let (system, browser) = match random.below(100) {
            0..40 => (System::Windows, Browser::Chrome),
            40..62 => (System::Windows, Browser::Edge),
            62..67 => (System::Windows, Browser::Firefox),
            67..82 => (System::Mac, Browser::Chrome),
            82..92 => (System::Mac, Browser::Safari),
            92..95 => (System::Mac, Browser::Firefox),
            _ => (System::Linux, Browser::Chrome),
        };
        let managed = system != System::Linux && random.percent(65);
        Self::new(system, browser, managed, 92, random)
    }

    /// A phone.
    pub fn phone(random: &mut Random) -> Self {
        let apple = random.percent(55);
        let (system, browser) = if apple { (System::Iphone, Browser::Safari) } else { (System::Android, Browser::Chrome) };
        let managed = random.percent(35);
        Self::new(system, browser, managed, 95, random)
    }

    /// A computer or tablet of one's own.
    pub fn own(random: &mut Random) -> Self {
        let (system, browser) = *random.pick(&[
            (System::Windows, Browser::Chrome),
            (System::Windows, Browser::Edge),
            (System::Mac, Browser::Safari),
            (System::Iphone, Browser::Safari),
        ]);
        Self::new(system, browser, false, 0, random)
    }

    /// What a program runs on.
    pub fn program(random: &mut Random) -> Self {
        Self::new(System::Program, Browser::Client, false, 0, random)
    }

    fn new(system: System, browser: Browser, managed: bool, registered_percent: u64, random: &mut Random) -> Self {
        let model = *match system {
            System::Windows => random.pick(&WINDOWS),
            System::Mac => random.pick(&MACS),
            System::Linux => random.pick(&LINUX),
            System::Iphone => random.pick(&IPHONES),
            System::Android => random.pick(&ANDROIDS),
            System::Program => &"",
        };
        let registered = (managed && random.percent(registered_percent)).then(|| random.next());
        Self { system, browser, model, registered, managed, token: random.next(), late_days: random.between(0, 14) }
    }

    /// Another machine of the same make, system and browser: what an attacker can set up who knows the victim's.
    pub fn look_alike(&self, random: &mut Random) -> Self {
        Self { registered: None, managed: false, token: random.next(), ..*self }
    }

    /// Whether it is carried in a pocket.
    pub const fn is_phone(&self) -> bool {
        matches!(self.system, System::Iphone | System::Android)
    }

    /// The version of its browser on `day` of the generated time.
    const fn version(&self, day: i64) -> i64 {
        match self.browser {
            Browser::Safari => (day - self.late_days + 70) / 56,
            _ => 143 + (day - self.late_days + 28).div_euclid(28),
        }
    }

    /// The user agent that it sends on `day`.
    pub fn agent(&self, day: i64) -> String {
        let version = self.version(day);
        let mut text = String::from("Mozilla/5.0 ");
        let platform = match (self.system, self.browser) {
            (System::Program, _) => return "okta-sdk-python/2.9.8 python/3.12.4 Linux/6.1.0".into(),
            (System::Iphone, _) => {
                let _ =
                    write!(text, "(iPhone; CPU iPhone OS 18_{version} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ");
                let _ = write!(text, "Version/18.{version} Mobile/15E148 Safari/604.1");
                return text;
            }
            (System::Windows, Browser::Firefox) => format!("(Windows NT 10.0; Win64; x64; rv:{version}.0)"),
            (System::Windows, _) => "(Windows NT 10.0; Win64; x64)".into(),
            (System::Mac, Browser::Firefox) => format!("(Macintosh; Intel Mac OS X 10.15; rv:{version}.0)"),
            (System::Mac, _) => "(Macintosh; Intel Mac OS X 10_15_7)".into(),
            (System::Android, _) => "(Linux; Android 10; K)".into(),
            _ => "(X11; Linux x86_64)".into(),
        };
        text.push_str(&platform);
        let _ = match self.browser {
            Browser::Firefox => write!(text, " Gecko/20100101 Firefox/{version}.0"),
            Browser::Safari => write!(text, " AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.{version} Safari/605.1.15"),
            _ => write!(text, " AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 "),
        };
        match self.browser {
            Browser::Edge => drop(write!(text, "Safari/537.36 Edg/{version}.0.0.0")),
            Browser::Chrome if self.is_phone() => text.push_str("Mobile Safari/537.36"),
            Browser::Chrome => text.push_str("Safari/537.36"),
            _ => {}
        }
        text
    }

    /// System and browser in the identity provider's words: (system, browser, kind of device).
    pub const fn words(&self) -> (&'static str, &'static str, &'static str) {
        let system = match self.system {
            System::Windows => "Windows 10",
            System::Mac => "Mac OS X",
            System::Linux => "Linux",
            System::Iphone => "iOS",
            System::Android => "Android",
            System::Program => "Unknown",
        };
        let browser = match self.browser {
            Browser::Chrome => "CHROME",
            Browser::Edge => "EDGE",
            Browser::Firefox => "FIREFOX",
            Browser::Safari => "SAFARI",
            Browser::Client => "UNKNOWN",
        };
        let kind = match self.system {
            System::Program => "Unknown",
            System::Iphone | System::Android => "Mobile",
            _ => "Computer",
        };
        (system, browser, kind)
    }

    /// The platform in the identity provider's record of a registered device: (platform, version).
    pub const fn platform(&self) -> (&'static str, &'static str) {
        match self.system {
            System::Windows => ("WINDOWS", "10.0.26100"),
            System::Mac => ("OSX", "15.2.0"),
            System::Iphone => ("IOS", "18.2"),
            System::Android => ("ANDROID", "15"),
            System::Linux | System::Program => ("LINUX", "6.1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_grow_older_versions_never() {
        let mut random = Random::new(4);
        for _ in 0..200 {
            let device = Device::computer(&mut random);
            let mut last = 0;
            for day in 0..190 {
                assert!(device.version(day) >= last);
                last = device.version(day);
            }
            assert!(device.agent(3).starts_with("Mozilla/5.0 ("), "{}", device.agent(3));
        }
    }

    #[test]
    fn a_look_alike_shows_the_same_but_holds_no_key() {
        let mut random = Random::new(4);
        let device = Device { registered: Some(1), managed: true, ..Device::computer(&mut random) };
        let copy = device.look_alike(&mut random);
        assert_eq!((copy.agent(90), copy.words(), copy.model), (device.agent(90), device.words(), device.model));
        assert_eq!((copy.registered, copy.managed), (None, false));
        assert_ne!(copy.token, device.token);
    }
}
