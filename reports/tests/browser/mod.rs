//! A browser without a window, driven through chromedriver.
//!
//! WebDriver is JSON over HTTP to a port of this machine, so that the standard library is enough: the client crates bring an
//! asynchronous runtime with them.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// One window of a browser; it closes when this is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

fn program(name: &str) -> PathBuf {
    let path = env::var_os("PATH").expect("a PATH");
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; on Debian: apt-get install chromium chromium-driver"))
}

impl Browser {
    /// A window `width` pixels wide that shows the file `page`.
    pub fn open(page: &Path, width: u32) -> Self {
        let mut driver =
            Command::new(program("chromedriver")).arg("--port=0").stdout(Stdio::piped()).spawn().expect("chromedriver");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        // It names the port that was asked for, any, and then the one it has.
        let port = |line: String| line.split("on port ").nth(1)?.trim_end_matches('.').parse().ok();
        let port = lines.by_ref().filter_map(port).find(|port| *port > 0);
        // The pipe stays open, lest the driver fails to write to it.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, port: port.expect("a port"), session: String::new() };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"];
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments, "perfLoggingPrefs": {"enableNetwork": true}},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let made = browser.request("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.post("goog/cdp/execute", &json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}));
        browser.post("url", &json!({"url": format!("file://{}", fs::canonicalize(page).unwrap().display())}));
        browser
    }

    /// Load the page again without running its script.
    pub fn reload_without_script(&self) {
        let off = json!({"cmd": "Emulation.setScriptExecutionDisabled", "params": {"value": true}});
        self.post("goog/cdp/execute", &off);
        self.post("refresh", &json!({}));
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, mut answer) = self.send(method, path, body).unwrap();
        assert!(status.contains(" 200 "), "{path}: {answer}");
        answer["value"].take()
    }

    /// The first line and the body of the driver's answer.
    fn send(&self, method: &str, path: &str, body: &Value) -> std::io::Result<(String, Value)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let body = body.to_string();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n");
        stream.write_all(format!("{head}Content-Type: application/json\r\n\r\n{body}").as_bytes())?;
        // The driver keeps the connection open, so that the length says where its answer ends.
        let mut answer = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_lowercase()),
            }
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        answer.read_exact(&mut body)?;
        Ok((head.into_iter().next().unwrap_or_default(), serde_json::from_slice(&body)?))
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        self.request("POST", &format!("/session/{}/{command}", self.session), body)
    }

    /// What the body `script` of a function returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Click the element that `selector` finds.
    pub fn click(&self, selector: &str) {
        let (x, y) = self.centre(selector);
        self.pointer(x, y, &[json!({"type": "pointerDown", "button": 0}), json!({"type": "pointerUp", "button": 0})]);
    }

    /// Bring the element that `selector` finds into view; its centre within the window.
    pub fn centre(&self, selector: &str) -> (f64, f64) {
        self.run(&format!(
            "document.querySelector({selector:?}).scrollIntoView({{block: 'center'}}); window.frames_since = 0;
             const count = () => {{ window.frames_since += 1; requestAnimationFrame(count); }}; requestAnimationFrame(count);"
        ));
        // The page hears of the scrolling with the next frame, and hides what stood under the pointer.
        for _ in 0..2000 {
            if self.run("return window.frames_since").as_u64() >= Some(3) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let found = self.run(&format!(
            "const box = document.querySelector({selector:?}).getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];"
        ));
        (found[0].as_f64().unwrap(), found[1].as_f64().unwrap())
    }

    /// Move the pointer to a place within the window, then do `more` with it.
    pub fn pointer(&self, x: f64, y: f64, more: &[Value]) {
        let moved = json!({"type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round()});
        let actions: Vec<&Value> = [&moved].into_iter().chain(more).collect();
        let mouse =
            json!({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions});
        self.post("actions", &json!({"actions": [mouse]}));
    }

    /// Type `text` into the element that `selector` finds.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.run(&format!("document.querySelector({selector:?}).focus()"));
        let press = |c: char| [json!({"type": "keyDown", "value": c}), json!({"type": "keyUp", "value": c})];
        let actions: Vec<Value> = text.chars().flat_map(press).collect();
        self.post("actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}));
    }

    /// What the console says: errors of the script, and whatever the policy of the page forbids.
    pub fn complaints(&self) -> Vec<String> {
        self.log("browser").iter().map(ToString::to_string).collect()
    }

    /// The addresses that were asked for.
    pub fn requests(&self) -> Vec<String> {
        let event = |entry: &Value| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let sent = event["method"] == "Network.requestWillBeSent";
            sent.then(|| event["params"]["request"]["url"].as_str().map(str::to_owned))?
        };
        self.log("performance").iter().filter_map(event).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.post("se/log", &json!({"type": kind})).as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A session that ends takes its browser along.
        if !self.session.is_empty() {
            let _ = self.send("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
