"""What a person does with a page: open it, follow links, fill in a form, press a button, read."""

from __future__ import annotations

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SECONDS = 20


class Browser:
    def __init__(self, driver: Chrome, site: str) -> None:
        self.driver = driver
        self.site = site

    def open(self, path: str) -> None:
        self.driver.get(self.site + path)

    def reload(self) -> None:
        self.driver.refresh()

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.site)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "body") -> str:
        return self.one(selector).text

    def has(self, selector: str) -> bool:
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def fact(self, name: str) -> str:
        """The value beside a name in a table."""
        return self.driver.find_element(By.XPATH, f"//tr[th[normalize-space()='{name}']]/td").text

    def follow(self, link: str) -> None:
        """Click a link of the navigation."""
        self._leave_by(self.driver.find_element(By.XPATH, f"//nav//a[normalize-space()='{link}']"))

    def fill(self, label: str, text: str) -> None:
        """Type into the field that a label belongs to, and into a file field the name of the file."""
        name = self.driver.find_element(By.XPATH, f"//label[normalize-space()='{label}']").get_attribute("for")
        field = self.driver.find_element(By.ID, str(name))
        if field.get_attribute("type") != "file":
            field.clear()
        field.send_keys(text)

    def press(self, button: str) -> None:
        self._leave_by(self.driver.find_element(By.XPATH, f"//button[normalize-space()='{button}']"))

    def _leave_by(self, element: WebElement) -> None:
        # A page that comes has a window object of its own. While it comes, there may be none to ask.
        self.driver.execute_script("window.left = true")
        element.click()
        WebDriverWait(self.driver, SECONDS, 0.05, [WebDriverException]).until(
            lambda driver: driver.execute_script("return document.readyState == 'complete' && !window.left"))

    def complaints(self) -> list[str]:
        """What the browser found wrong since this was asked last."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]
